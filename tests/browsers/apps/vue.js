// A shop on Vue Router in history mode: a lazy route, a redirect, a guard that waits, titles that follow the route.
import { createApp, h } from "vue";
import { createRouter, createWebHistory, RouterLink, RouterView } from "vue-router";
import { later, load, TITLE_MS } from "./late.js";

const page = (name) => ({ render: () => h("h1", name) });

const router = createRouter({
  history: createWebHistory(),
  scrollBehavior: () => ({ top: 0 }),
  routes: [
    { path: "/", component: page("Home"), meta: { title: "Home" } },
    { path: "/shoes", component: () => import("./vue_shoes.js"), meta: { title: "Shoes" } },
    { path: "/shoes/:id", component: page("Shoe"), meta: { title: "Shoe" }, beforeEnter: ({ params }) => load(params.id) },
    { path: "/account", redirect: "/login" },
    { path: "/login", component: page("Login"), meta: { title: "Login" } },
  ],
});

router.afterEach(async ({ meta, params }) => {
  await later(TITLE_MS);
  document.title = [meta.title, params.id].filter(Boolean).join(" ");
});

const link = (to) => h(RouterLink, { to }, () => to);

createApp({
  render: () => [h("nav", [link("/"), link("/shoes"), link("/account")]), h(RouterView)],
})
  .use(router)
  .mount("#app");
