// A shop on React Router's data router: a lazy route, loaders, a redirect, titles that come after the route has changed.
import { useEffect } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter, Link, Outlet, redirect, ScrollRestoration, useLoaderData, useNavigate } from "react-router";
import { RouterProvider } from "react-router/dom";
import { load } from "./late.js";
import { useTitle } from "./react_title.js";

function Shop() {
  return (
    <>
      <nav>
        <Link to="/">Home</Link> <Link to="/shoes">Shoes</Link> <Link to="/cart">Cart</Link>{" "}
        <Link to="/account">Account</Link>
      </nav>
      <Outlet />
      <ScrollRestoration />
    </>
  );
}

function Home() {
  useTitle("Home");
  return <h1>Home</h1>;
}

function Shoe() {
  const shoe = useLoaderData();
  useTitle(shoe.name);
  return <h1>{shoe.name}</h1>;
}

/** A step that nobody stays on. */
function Cart() {
  const navigate = useNavigate();
  useEffect(() => void navigate("/order", { replace: true }), [navigate]);
  return <h1>Cart</h1>;
}

function Order() {
  useTitle("Order");
  return <h1>Order</h1>;
}

function Login() {
  useTitle("Login");
  return <h1>Login</h1>;
}

const loadShoe = async ({ params }) => {
  await load(params.id);
  return { name: `Shoe ${params.id}` };
};

const router = createBrowserRouter([
  {
    Component: Shop,
    HydrateFallback: () => null,
    children: [
      { index: true, Component: Home },
      { path: "shoes", lazy: () => import("./react_shoes.jsx") },
      { path: "shoes/:id", Component: Shoe, loader: loadShoe },
      { path: "cart", Component: Cart },
      { path: "order", Component: Order },
      { path: "account", loader: () => redirect("/login"), Component: () => null },
      { path: "login", Component: Login },
    ],
  },
]);

createRoot(document.getElementById("app")).render(<RouterProvider router={router} />);
